import note from "../note.txt";
export const b = "b:" + note.trim();
export default function named() {}
