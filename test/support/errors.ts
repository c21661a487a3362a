/** An error's fields, its tag among them: a comparison of errors looks at their names and messages alone. */
export const fieldsOf = (error: object) => ({ ...error })
