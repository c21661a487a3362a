import { layerOwn, roundTrips } from "../support/transfer.ts"

roundTrips("memory", layerOwn(), 50)
