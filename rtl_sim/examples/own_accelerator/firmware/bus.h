/* bus.h: a register of the accelerator, from a processor's load and store, or through a simulation. */
#ifndef BUS_H
#define BUS_H

#include <stdint.h>

#ifdef __riscv

#define OWN_BASE 0x40000000u

static inline uint32_t bus_read(uint32_t offset) {
    return *(volatile uint32_t *)(OWN_BASE + offset);
}

static inline void bus_write(uint32_t offset, uint32_t word) {
    *(volatile uint32_t *)(OWN_BASE + offset) = word;
}

#else

uint32_t bus_read(uint32_t offset);
void bus_write(uint32_t offset, uint32_t word);

#endif
#endif
