/**
 * `w(nanoseconds)` blocks its thread for so long, for ever when that is less than 0: the one way left to wait without using CPU time.
 *
 *   (module (memory 1 1 shared) (func (export "w") (param i64) (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (local.get 0)))))
 */
export const WAIT_MODULE = Buffer.from(
  '0061736d01000000 01050160017e00 03020100 050401030101 0705010177 0000 0a0f010d00 4100 4100 2000 fe010200 1a 0b'.replaceAll(
    ' ',
    '',
  ),
  'hex',
);
