/**
 * An instance of a schema's class, of fields that were checked already. The class's constructor takes ten times as long, even when told to
 * check nothing, and a cold verification makes three of them.
 */
export const ofChecked = <Class extends new (fields: never, ...rest: never) => object>(
  { prototype }: Class,
  fields: ConstructorParameters<Class>[0],
): InstanceType<Class> =>
  // A schema's class keeps nothing but its fields.
  Object.assign(Object.create(prototype), fields)
