// Drives the Verilated accelerator through its AXI4-Lite: the clock runs while an access is under way.

#include <cstdint>

#include "Model.h"
#include "verilated.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int32_t WATCHDOG_CYCLES = 10000;  // of an access
constexpr int32_t HANGS = -1;

class Accelerator {
public:
    Accelerator() : model(&context) {
        context.commandArgs(0, static_cast<const char**>(nullptr));
        model.s_axil_bready = 1;
        model.s_axil_rready = 1;
        model.aresetn = 0;
        clock();
        model.aresetn = 1;
    }

    // Inputs are set before; what is read after `settle` is of this cycle.
    void settle() {
        model.aclk = 0;
        model.eval();
    }

    void rise() {
        model.aclk = 1;
        model.eval();
        ++cycles;
    }

    void clock() {
        settle();
        rise();
    }

    VerilatedContext context;
    Model model;
    int64_t cycles = 0;
};

}  // namespace

EXPORT void* offramp_create() { return new Accelerator; }

EXPORT void offramp_destroy(void* handle) { delete static_cast<Accelerator*>(handle); }

EXPORT int64_t offramp_cycles(void* handle) { return static_cast<Accelerator*>(handle)->cycles; }

// Return the response, or HANGS.
EXPORT int32_t offramp_write(void* handle, uint32_t address, uint32_t word) {
    Accelerator& accelerator = *static_cast<Accelerator*>(handle);
    Model& model = accelerator.model;
    model.s_axil_awaddr = address;
    model.s_axil_wdata = word;
    model.s_axil_wstrb = 15;
    model.s_axil_awvalid = 1;
    model.s_axil_wvalid = 1;
    for (int32_t cycle = 0; cycle < WATCHDOG_CYCLES; ++cycle) {
        accelerator.settle();
        const bool aw = model.s_axil_awready, w = model.s_axil_wready, b = model.s_axil_bvalid;
        const int32_t response = model.s_axil_bresp;
        accelerator.rise();
        if (aw) model.s_axil_awvalid = 0;
        if (w) model.s_axil_wvalid = 0;
        if (b) return response;
    }
    return HANGS;
}

EXPORT int32_t offramp_read(void* handle, uint32_t address, uint32_t* word) {
    Accelerator& accelerator = *static_cast<Accelerator*>(handle);
    Model& model = accelerator.model;
    model.s_axil_araddr = address;
    model.s_axil_arvalid = 1;
    for (int32_t cycle = 0; cycle < WATCHDOG_CYCLES; ++cycle) {
        accelerator.settle();
        const bool ar = model.s_axil_arready, r = model.s_axil_rvalid;
        const int32_t response = model.s_axil_rresp;
        *word = model.s_axil_rdata;
        accelerator.rise();
        if (ar) model.s_axil_arvalid = 0;
        if (r) return response;
    }
    return HANGS;
}
