export declare class Network {
  readonly address: Address
  readonly prefixLength: number
  constructor(address: Address, prefixLength: number)
  toString(): string
}
