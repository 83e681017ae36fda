/** The transport modes: one object under two names, by name and by number. */

/** How a user moves, as a hint for `startTrip`. */
export enum TransportMode {
  UNKNOWN = 1,
  CAR = 2,
  BICYCLE = 3,
  ON_FOOT = 4,
  TRAIN = 5,
  TRAM = 6,
  BUS = 7,
  PLANE = 8,
  BOAT = 9,
  METRO = 10,
  RUNNING = 11,
}

/** `TransportMode` under its older name: `transportModes.CAR` is `2`, `transportModes[2]` is `"CAR"`. */
export const transportModes: typeof TransportMode = TransportMode;
