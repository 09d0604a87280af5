/** Constructors as they were before user code. */
export const NativeError = Error;
export const NativeTypeError = TypeError;
export const NativeRangeError = RangeError;
