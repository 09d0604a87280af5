/** Blocks its thread for ever when `w` is called: the one way left to wait without using CPU time. */
// `(module (memory 1 1 shared) (func (export "w") (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))`
export const WAIT_MODULE = Buffer.from(
  '0061736d01000000 010401600000 03020100 050401030101 0705010177 0000 0a0f010d00 4100 4100 427f fe010200 1a 0b'.replaceAll(
    ' ',
    '',
  ),
  'hex',
);
