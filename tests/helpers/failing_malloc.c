/* Allocations of the process that fail on demand. Loaded by LD_PRELOAD; needs glibc, whose own functions it calls.

   fail(n, library): from now on the n-th allocation returns NULL. With `library`, only allocations count that are made by
   a library whose path contains this text. n = 0 counts only. stop() ends it.
   counted(): allocations counted since then. in_use(): bytes allocated and not freed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static long limit, seen, bytes;
static const char *caller_path;
static int counting;

void fail(long n, const char *library)
{
    limit = n, caller_path = library, seen = 0;
    counting = 1;
}

void stop(void) { counting = 0; }
long counted(void) { return seen; }
long in_use(void) { return __atomic_load_n(&bytes, __ATOMIC_RELAXED); }

static int is_counted(void *caller)
{
    static __attribute__((tls_model("initial-exec"))) _Thread_local int inside;     /* dladdr may allocate */
    Dl_info info;
    int found;
    if (!counting || inside || !caller_path)
        return counting && !inside;
    inside = 1;
    found = dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, caller_path);
    inside = 0;
    return found;
}

static int fails(void *caller)
{
    if (!is_counted(caller) || __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED) != limit)
        return 0;
    errno = ENOMEM;
    return 1;
}

static void *new_block(void *block)
{
    __atomic_add_fetch(&bytes, (long)malloc_usable_size(block), __ATOMIC_RELAXED);
    return block;
}

static void old_block(void *block) { __atomic_sub_fetch(&bytes, (long)malloc_usable_size(block), __ATOMIC_RELAXED); }

#define CALLER __builtin_return_address(0)

void *malloc(size_t size) { return fails(CALLER) ? NULL : new_block(__libc_malloc(size)); }
void *calloc(size_t n, size_t size) { return fails(CALLER) ? NULL : new_block(__libc_calloc(n, size)); }
void *memalign(size_t step, size_t size) { return fails(CALLER) ? NULL : new_block(__libc_memalign(step, size)); }
void *aligned_alloc(size_t step, size_t size) { return fails(CALLER) ? NULL : new_block(__libc_memalign(step, size)); }

int posix_memalign(void **place, size_t step, size_t size)
{
    void *block = fails(CALLER) ? NULL : new_block(__libc_memalign(step, size));
    if (!block)
        return ENOMEM;
    *place = block;
    return 0;
}

void *realloc(void *block, size_t size)
{
    void *moved;
    if (fails(CALLER))
        return NULL;
    old_block(block);
    moved = __libc_realloc(block, size);
    new_block(moved || !size ? moved : block);      /* the old block stays if there is no new one */
    return moved;
}

void free(void *block)
{
    old_block(block);
    __libc_free(block);
}
