export const keys = Object.getOwnPropertyNames(import.meta);
