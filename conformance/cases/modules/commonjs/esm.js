export const named = "named";
export default class {}
