// Drives the Verilated engine: a program and images in, results and cycle counts out.
//
// THRESHOLD_PORTS is PORT(0) PORT(1) ...: one for each exit of the engine.
// FAULT_PORTS is PORT(faults_...) ...: one for each fault of a program, in their order.
// WORD_LATENCY is the number of cycles from the address of a word of activations to the word.
// WAVEFORM: the clock's rising edge is a cycle, and cycles can be written to a file. Otherwise each
// change of the clock is one, which is one evaluation instead of two.

#include <cstdint>
#include <memory>

#include "Model.h"
#include "verilated.h"
#ifdef WAVEFORM
#include "verilated_fst_c.h"
#endif

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

class Engine {
public:
    Engine() : model(&context) {
        context.commandArgs(0, static_cast<const char**>(nullptr));
#ifdef WAVEFORM
        context.traceEverOn(true);
#endif
        model.i_valid = 0;
        model.i_spoiled = 0;
        model.o_ready = 0;
        model.load_enable = 0;
        model.enable = 0;
        model.hold = 0;
        reset();
    }

    void reset() {
        model.i_valid = 0;
        // a register before the engine's reset takes one cycle
        model.rst = 1;
        rise();
        model.rst = 0;
        rise();
    }

    // Which fault of the program the engine reports in this cycle, from 0 on; -1 for none.
    int fault() const {
        int number = 0;
#define PORT(name)                       \
    if (model.name) return number;       \
    ++number;
        FAULT_PORTS
#undef PORT
        return -1;
    }

    template <class Port, class Value>
    void set(Port& port, Value value) {
        if (port == value) return;
        port = value;
        stale = true;
    }

    // Inputs are set before; outputs read after are those of this cycle.
    void settle() {
        if (stale) model.eval();
        stale = false;
    }

    void rise() {
#ifdef WAVEFORM
        model.clk = 0;
        model.eval();
        if (waveform) waveform->dump(static_cast<uint64_t>(2 * cycle));
        model.clk = 1;
        model.eval();
        if (waveform) waveform->dump(static_cast<uint64_t>(2 * cycle + 1));
#else
        model.clk = !model.clk;
        model.eval();
#endif
        stale = false;
        ++cycle;
    }

    VerilatedContext context;
    Model model;
    int64_t cycle = 0;
#ifdef WAVEFORM
    std::unique_ptr<VerilatedFstC> waveform;
#endif

private:
    bool stale = true;
};

// xorshift: stalls that a seed repeats on any machine
class Random {
public:
    explicit Random(uint64_t seed) : state(seed * 2 + 1) {}
    bool below(uint32_t per_256) {
        if (per_256 == 0) return false;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return ((state >> 24) & 255) < per_256;
    }

private:
    uint64_t state;
};

}  // namespace

EXPORT void* offramp_create() { return new Engine; }

EXPORT void offramp_destroy(void* engine) { delete static_cast<Engine*>(engine); }

EXPORT void offramp_reset(void* handle) { static_cast<Engine*>(handle)->reset(); }

EXPORT int64_t offramp_cycle(void* handle) { return static_cast<Engine*>(handle)->cycle; }

EXPORT void offramp_load(void* handle, int32_t memory, const uint32_t* words, int64_t n) {
    Engine& engine = *static_cast<Engine*>(handle);
    engine.model.load_memory = memory;
    engine.model.load_enable = 1;
    for (int64_t k = 0; k < n; ++k) {
        engine.model.load_address = k;
        engine.model.load_data = words[k];
        engine.rise();
    }
    engine.set(engine.model.load_enable, 0);
    engine.settle();
}

EXPORT void offramp_configure(void* handle, uint32_t base, uint32_t stride, uint32_t words) {
    Engine& engine = *static_cast<Engine*>(handle);
    engine.set(engine.model.image_base, base);
    engine.set(engine.model.image_stride, stride);
    engine.set(engine.model.image_words, words);
}

EXPORT int offramp_set_threshold(void* handle, int32_t exit_index, int32_t threshold) {
    Engine& engine = *static_cast<Engine*>(handle);
    switch (exit_index) {
#define PORT(k) \
    case k: engine.set(engine.model.threshold_##k, threshold & SCORE_MASK); return 0;
        THRESHOLD_PORTS
#undef PORT
        default: return -1;
    }
}

EXPORT void offramp_hold(void* handle, int32_t hold) {
    Engine& engine = *static_cast<Engine*>(handle);
    engine.set(engine.model.hold, hold);
    engine.settle();
}

// Feed images of `words` words each and collect a result of each. Returns 0; -1 if `watchdog`
// cycles pass without a word taken or a result; -2 if the engine says that an image is wrong, -10
// and below that the program is: the engine is then reset, and its memories hold what they did.
// With `until_held` returns 1 as soon as the engine holds; the image is then inside.
EXPORT int32_t offramp_run(void* handle, const uint32_t* images, int64_t n, int64_t words,
                           uint32_t stall_in, uint32_t stall_out, uint64_t seed, int64_t watchdog,
                           int32_t until_held, int32_t* labels, int32_t* exits, int32_t* scores,
                           int64_t* cycles, int64_t* finished) {
    Engine& engine = *static_cast<Engine*>(handle);
    Model& model = engine.model;
    Random random(seed);
    int64_t sent = 0, given = 0, idle = 0;
    const int64_t total = n * words;
    engine.set(model.enable, 1);
    while (given < n || (until_held && sent < total)) {
        // once offered, a word stays until it is taken
        if (!model.i_valid && sent < total && !random.below(stall_in)) {
            engine.set(model.i_valid, 1);
            engine.set(model.i_data, images[sent]);
            engine.set(model.i_last, (sent + 1) % words == 0);
        }
        engine.set(model.o_ready, !random.below(stall_out));
        engine.settle();
        if (until_held && model.held) return 1;
        if (model.faults_image_short || model.faults_image_long) return -2;
        if (const int fault = engine.fault(); fault >= 0) {
            engine.reset();
            return -10 - fault;
        }
        const bool taken = model.i_valid && model.i_ready;
        const bool result = model.o_valid && model.o_ready;
        if (result) {
            labels[given] = model.o_label;
            exits[given] = model.o_exit_index;
            scores[given] = static_cast<int32_t>(static_cast<uint32_t>(model.o_score)
                                                 << (32 - SCORE_WIDTH)) >> (32 - SCORE_WIDTH);
            cycles[given] = model.o_cycles;
            finished[given] = engine.cycle;
            ++given;
        }
        engine.rise();
        if (taken) {
            ++sent;
            engine.set(model.i_valid, 0);
        }
        idle = taken || result ? 0 : idle + 1;
        if (idle > watchdog) return -1;
    }
    engine.set(model.o_ready, 0);
    engine.settle();
    return 0;
}

// Let the operation begin that is held, and run until the next one is held (returns 1), a result
// is offered (0), or `watchdog` cycles have passed (-1).
EXPORT int32_t offramp_advance(void* handle, int64_t watchdog) {
    Engine& engine = *static_cast<Engine*>(handle);
    Model& model = engine.model;
    engine.set(model.hold, 0);
    engine.rise();
    engine.set(model.hold, 1);
    for (int64_t k = 0; k < watchdog; ++k) {
        engine.settle();
        if (model.o_valid) return 0;
        if (model.held) return 1;
        if (const int fault = engine.fault(); fault >= 0) return -10 - fault;
        engine.rise();
    }
    return -1;
}

// Read `n` words of the activation memory; the engine must be held or idle.
EXPORT void offramp_peek(void* handle, int64_t n, uint32_t* words) {
    Engine& engine = *static_cast<Engine*>(handle);
    for (int64_t k = 0; k < n + WORD_LATENCY - 1; ++k) {
        if (k < n) engine.set(engine.model.peek_address, 4 * k);
        engine.rise();
        if (k >= WORD_LATENCY - 1) words[k - WORD_LATENCY + 1] = engine.model.peek_word;
    }
}

#ifdef WAVEFORM
// Write what follows to a file that can be written, as far as the call with no name.
EXPORT void offramp_waveform(void* handle, const char* path) {
    Engine& engine = *static_cast<Engine*>(handle);
    if (engine.waveform) engine.waveform->close();
    engine.waveform.reset();
    if (!path) return;
    engine.waveform = std::make_unique<VerilatedFstC>();
    engine.model.trace(engine.waveform.get(), 99);
    engine.waveform->open(path);
}
#endif
