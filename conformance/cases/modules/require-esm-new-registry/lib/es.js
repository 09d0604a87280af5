export const __esModule = true, x = 2; export default 3;
