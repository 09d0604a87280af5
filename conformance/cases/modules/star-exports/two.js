export const two = 2, conflict = "two";
export default "default of two";
