export const one = 1, conflict = "one";
export default "default of one";
