/* A plugin of QEMU's user mode: guest instructions by page of code, by kind, printed when the guest ends.

A line per page: its number (address / 4096), then instructions: all, vector and floating point, loads and stores. The
kinds are bits 28 to 25 of an A64 instruction (Arm ARM, "A64 instruction set encoding"): x1x0 is a load or store, x111
vector and floating point. Blocks that an exception leaves early are counted whole. One guest thread at a time counts
right; engines run with one.

With the argument `cut=on` the guest cuts its run into parts: getppid, which has no other use in it, prints what was
counted so far, then a line `cut`, and counting starts anew.

The interface is QEMU's plugin API, version 1 (QEMU 4.2 to 9.0); Debian has no package with its header. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define PAGES (1u << 16) /* table size; a run of an engine touches some 10,000 */

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*tb_callback)(qemu_plugin_id_t, struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, tb_callback);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int operation, void *counter, uint64_t add);
typedef void (*syscall_callback)(qemu_plugin_id_t, unsigned vcpu, int64_t number, uint64_t, uint64_t, uint64_t, uint64_t,
                                 uint64_t, uint64_t, uint64_t, uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, syscall_callback);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
void qemu_plugin_outs(const char *);

enum { ADD_U64 = 0, GETPPID = 173 /* of aarch64 */ };
enum { ALL, VECTOR, MEMORY, KINDS };

struct page {
    uint64_t number; /* 0: free */
    uint64_t counts[KINDS];
};

EXPORT int qemu_plugin_version = 1;
static struct page pages[PAGES];

static struct page *page_of(uint64_t address)
{
    uint64_t number = address >> 12;
    for (uint64_t i = number * 0x9e3779b97f4a7c15u >> 48;; i = (i + 1) % PAGES) {
        if (pages[i].number == 0)
            pages[i].number = number;
        if (pages[i].number == number)
            return &pages[i];
    }
}

/* Translations are made under QEMU's lock, so the table needs none. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    size_t n = qemu_plugin_tb_n_insns(block);
    uint64_t counts[KINDS] = {n, 0, 0};
    for (size_t i = 0; i < n; i++) {
        uint32_t code = *(const uint32_t *)qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, i));
        uint32_t group = code >> 25 & 15;
        counts[VECTOR] += (group & 7) == 7;
        counts[MEMORY] += (group & 5) == 4;
    }
    struct page *page = page_of(qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(block, 0)));
    for (int kind = 0; kind < KINDS; kind++)
        if (counts[kind])
            qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &page->counts[kind], counts[kind]);
    (void)id;
}

static void print_pages(void)
{
    for (size_t i = 0; i < PAGES; i++) {
        char line[128];
        const uint64_t *c = pages[i].counts;
        if (c[ALL] == 0)
            continue;
        snprintf(line, sizeof line, "%llu %llu %llu %llu\n", (unsigned long long)pages[i].number,
                 (unsigned long long)c[ALL], (unsigned long long)c[VECTOR], (unsigned long long)c[MEMORY]);
        qemu_plugin_outs(line);
    }
}

static void ended(qemu_plugin_id_t id, void *nothing)
{
    print_pages();
    (void)id, (void)nothing;
}

static void called(qemu_plugin_id_t id, unsigned vcpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                   uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    if (number == GETPPID) {
        print_pages();
        qemu_plugin_outs("cut\n");
        for (size_t i = 0; i < PAGES; i++)
            memset(pages[i].counts, 0, sizeof pages[i].counts);
    }
    (void)id, (void)vcpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    if (argc > 0 && !strcmp(argv[0], "cut=on"))
        qemu_plugin_register_vcpu_syscall_cb(id, called);
    (void)info;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
