/** The cell broke the protocol: it is ended, whatever it meant. */
export class CellMisbehaved extends Error {
  override readonly name = 'CellMisbehaved';
}
