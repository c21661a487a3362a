/**
 * An instance of a schema's class, of fields that were checked already. The class's constructor takes ten times as long, even with its checks
 * disabled. A cold verification makes three instances.
 */
export const ofChecked = <Class extends new (fields: never, ...rest: never) => object>(
  { prototype }: Class,
  fields: ConstructorParameters<Class>[0],
): InstanceType<Class> =>
  // An instance of a schema's class has nothing but its fields. Many fields that are added one by one make an object a hash table. An object with
  // the shape of a literal takes half the memory, and a quarter of the time.
  // The constructor of such a class takes the object of its fields, so the cast holds.
  Object.setPrototypeOf({ ...(fields as object) }, prototype)
