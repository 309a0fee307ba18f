#include "sim/near_text.h"

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE = 1 << 21 };

/* Bytes from..from + n - 1, whole pages of code, to pages of their own. */
static void move(char *from, size_t n)
{
    size_t room = (n + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE, all = room + HUGE_PAGE;
    char *memory = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    char *to = (char *)(((uintptr_t)memory + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
#if defined(MADV_HUGEPAGE)
    (void)madvise(to, room, MADV_HUGEPAGE);
#endif
    memcpy(to, from, n);
    if (!mprotect(to, n, PROT_READ | PROT_EXEC))
        (void)mremap(to, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, from);
    munmap(memory, all);   /* what is left of it */
}

static int move_segments(struct dl_phdr_info *info, size_t size, void *library)
{
    const struct link_map *map = library;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)size;
    if (info->dlpi_addr != map->l_addr)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + p->p_vaddr, to = from + p->p_memsz;
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && !(p->p_flags & PF_W))
            move((char *)(from / page * page), (to + page - 1) / page * page - from / page * page);
    }
    return 1;
}

void near_text(void *library)
{
    struct link_map *map = NULL;
    if (!dlinfo(library, RTLD_DI_LINKMAP, &map) && map)
        dl_iterate_phdr(move_segments, map);
}
