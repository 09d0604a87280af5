export const __esModule = true, x = 1;
export default "def";
