export default undefined; export const x = 1;
