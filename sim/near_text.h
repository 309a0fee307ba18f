/* A loaded library's code on pages that lie side by side in memory.
 *
 * A Verilated model runs through all of its code, some 200 KiB, in every clock cycle: it comes from the
 * second-level cache, whose sets the physical addresses choose.  The pages of a file lie anywhere, so that
 * copies of one library were between 243 and 365 ns a cycle fast; on pages side by side all take 245. */
#ifndef AXM_SIM_NEAR_TEXT_H
#define AXM_SIM_NEAR_TEXT_H

/* library: of dlopen().  Its code is copied to a huge page if the system has any, and mapped in
 * place of the file's; what fails leaves it where it was.  Profilers do not see symbols in it any more. */
void near_text(void *library);

#endif
