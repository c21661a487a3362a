export interface Address {
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
}
