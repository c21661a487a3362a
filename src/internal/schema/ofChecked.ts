/**
 * An instance of a schema's class, of fields that were checked already. The class's constructor takes ten times as long, even when told to
 * check nothing, and a cold verification makes three of them.
 */
export const ofChecked = <Class extends new (fields: never, ...rest: never) => object>(
  { prototype }: Class,
  fields: ConstructorParameters<Class>[0],
): InstanceType<Class> =>
  // A schema's class keeps nothing but its fields. Fields that are added to an object one by one make a hash table of it once they are many: an
  // object of a literal's shape takes half the memory, and a quarter of the time.
  // The parameter of such a class is the object of its fields.
  Object.setPrototypeOf({ ...(fields as object) }, prototype)
