/* A plugin of qemu that counts the instructions of a program: `-plugin instructions.so,out=FILE` writes their number.
   The interface of plugins is declared here, because distributions do not ship its header. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct qemu_plugin_tb block;
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*translated)(uint64_t, block *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(block *, void (*ran)(unsigned, void *), int flags, void *data);
extern void qemu_plugin_register_atexit_cb(uint64_t id, void (*ended)(uint64_t, void *), void *data);
extern size_t qemu_plugin_tb_n_insns(const block *);

/* 1 for qemu before version 9, otherwise 2. */
int qemu_plugin_version = PLUGIN_VERSION;

static uint64_t total;
static char path[4096];

static void ran(unsigned cpu, void *instructions) {
    (void)cpu;
    total += (uintptr_t)instructions;
}

static void translated(uint64_t id, block *b) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(b, ran, 0, (void *)(uintptr_t)qemu_plugin_tb_n_insns(b));
}

static void ended(uint64_t id, void *data) {
    (void)id, (void)data;
    FILE *file = fopen(path, "w");
    if (file) {
        fprintf(file, "%" PRIu64 "\n", total);
        fclose(file);
    }
}

int qemu_plugin_install(uint64_t id, const void *information, int count, char **arguments) {
    (void)information;
    if (count != 1 || strncmp(arguments[0], "out=", 4) || strlen(arguments[0]) >= sizeof path) return 1;
    strcpy(path, arguments[0] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
