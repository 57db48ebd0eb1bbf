/* Counts a process's allocations: preloaded, it stands before the C library's malloc and mmap.
 *
 * `allocations()` is their number so far, whoever asked; Python's own small objects come from its pools and are none.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static _Atomic long count;

long allocations(void)
{
    return count;
}

void *malloc(size_t size)
{
    count++;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    count++;
    return __libc_calloc(n, size);
}

void *realloc(void *block, size_t size)
{
    count++;
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    count++;
    *block = __libc_memalign(alignment, size);
    return *block || !size ? 0 : 12; /* ENOMEM */
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    count++;
    return (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);
}
