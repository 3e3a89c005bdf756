/* host.c: the firmware as a library of the host, its bus two functions that the host sets. */

#include "bus.h"

uint32_t (*bus_read_hook)(uint32_t offset);
void (*bus_write_hook)(uint32_t offset, uint32_t word);

uint32_t bus_read(uint32_t offset) { return bus_read_hook(offset); }

void bus_write(uint32_t offset, uint32_t word) { bus_write_hook(offset, word); }
