/* A loaded library's code on the pages of memory that it runs quickest from.
 *
 * A Verilated array runs through some 20 KiB of code in every clock cycle, about what a core's cache of
 * decoded instructions holds.  Whether it does depends on physical addresses: copies of one library, the
 * same in all else, take 195 to 365 ns a cycle of a 16x8 array, each always the same. */
#ifndef AXM_SIM_PLACE_TEXT_H
#define AXM_SIM_PLACE_TEXT_H

enum {
    PLACE_TEXT_COPIES = 32,
    PLACE_TEXT_BYTES = 1 << 20,     /* more code stays where it is: it is too much for any place */
};

/* library: of dlopen().  seconds(ctx) runs its code, preferably for some tenths of a millisecond, and says
 * how long that took: once with each of the copies, again with the quicker half, and so on; the quickest
 * is mapped in place of the file's code.  What fails leaves it where it was.  Other threads may run the code
 * meanwhile.  Profilers do not see symbols in it any more. */
void place_text(void *library, double (*seconds)(void *ctx), void *ctx);

#endif
