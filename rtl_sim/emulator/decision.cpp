// Drives the Verilated decision unit: whole arrays of logit vectors in, decisions out.
//
// THRESHOLD_PORTS is PORT(0) PORT(1) ...: one for each exit of the unit. SETTING_PORTS is
// PORT(0, name) ...: further inputs that keep still while vectors are decided.

#include <cstdint>

#include "Model.h"
#include "verilated.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int64_t WATCHDOG_CYCLES = 10000;  // without a decision: the unit hangs
constexpr int32_t SILENT_CYCLES = 16;       // after the last decision

class Unit {
public:
    Unit() : model(&context) {
        context.commandArgs(0, static_cast<const char**>(nullptr));
        model.i_valid = 0;
        model.o_ready = 0;
        model.rst = 1;
        settle();
        rise();
        model.rst = 0;
    }

    // Inputs are set before; outputs read after are those of this cycle. The falling edge, on which
    // nothing happens, comes with it: one evaluation less.
    void settle() {
        model.clk = 0;
        model.eval();
    }

    void rise() {
        model.clk = 1;
        model.eval();
    }

    VerilatedContext context;
    Model model;
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

EXPORT void* offramp_create() { return new Unit; }

EXPORT void offramp_destroy(void* unit) { delete static_cast<Unit*>(unit); }

EXPORT int offramp_set_threshold(void* handle, int32_t exit_index, int32_t threshold) {
    Model& model = static_cast<Unit*>(handle)->model;
    switch (exit_index) {
#define PORT(k) case k: model.threshold_##k = threshold & THRESHOLD_MASK; return 0;
        THRESHOLD_PORTS
#undef PORT
        default: return -1;
    }
}

EXPORT int offramp_set(void* handle, int32_t number, uint32_t value) {
    [[maybe_unused]] Model& model = static_cast<Unit*>(handle)->model;
    switch (number) {
#define PORT(k, name) case k: model.name = value; return 0;
        SETTING_PORTS
#undef PORT
        default: return -1;
    }
}

// Reset the unit at the worst moment, after a vector of n logits: while its decision waits and all
// but the last of a second one are in; or, flowing, while the last of the second one is offered to
// a unit that takes it. Returns -1 if the unit does not take them.
EXPORT int offramp_reset(void* handle, const int16_t* logits, int32_t n, int32_t flowing) {
    Unit& unit = *static_cast<Unit*>(handle);
    Model& model = unit.model;
    int64_t cycles = 0;
    model.o_ready = flowing;
    model.i_valid = 1;
    for (int32_t sent = 0; sent < 2 * n - 1 && cycles < WATCHDOG_CYCLES; ++cycles) {
        model.i_logit = logits[sent % n] & LOGIT_MASK;
        model.i_last = sent == n - 1;
        unit.settle();
        const bool taken = model.i_ready;
        // the unit may hold still before all is in: then the decision waits already
        if (model.o_valid && !taken) break;
        unit.rise();
        sent += taken;
    }
    model.i_valid = flowing;
    model.i_last = 1;
    model.rst = 1;
    unit.settle();
    unit.rise();
    model.rst = 0;
    model.i_valid = 0;
    return cycles < WATCHDOG_CYCLES ? 0 : -1;
}

// Decide n vectors, each the first logits of a row of `length`. Idle input cycles and stalled
// output cycles come at the given rates in 256. What only the last beat of a vector carries is
// wrong in the others, and without a beat all is. Returns the cycles from the first beat to the
// last decision, -1 if the unit hangs or gives more decisions than it should.
EXPORT int64_t offramp_decide(void* handle, const int16_t* logits, int64_t n, int32_t length,
                              const int32_t* lengths, const uint8_t* exit_index,
                              const uint32_t* tags, uint32_t idle, uint32_t stall,
                              uint64_t seed, uint8_t* exit, int32_t* label, int32_t* score,
                              uint8_t* exit_index_out, uint32_t* tag) {
    Unit& unit = *static_cast<Unit*>(handle);
    Model& model = unit.model;
    Random random(seed);
    int64_t sent = 0, received = 0, cycles = 0, silent = 0;
    int32_t position = 0;
    bool offered = false;
    while (received < n) {
        // a beat once offered stays until it is taken
        offered = offered || (sent < n && !random.below(idle));
        model.i_valid = offered;
        if (offered) {
            model.i_logit = logits[sent * length + position] & LOGIT_MASK;
            model.i_last = position == lengths[sent] - 1;
            model.i_exit_index = exit_index[sent];
#if WITH_TAG
            model.i_tag = tags[sent];
#endif
        }
        model.o_ready = !random.below(stall);
        unit.settle();
        const bool taken = offered && model.i_ready;
        const bool given = model.o_valid && model.o_ready;
        if (given) {
            exit[received] = model.o_exit;
            label[received] = model.o_label;
#if WITH_SCORE
            score[received] = static_cast<int32_t>(model.o_score << (32 - SCORE_WIDTH)) >>
                              (32 - SCORE_WIDTH);
#endif
            exit_index_out[received] = model.o_exit_index;
#if WITH_TAG
            tag[received] = model.o_tag;
#endif
            ++received;
        }
        silent = given ? 0 : silent + 1;
        if (silent > WATCHDOG_CYCLES + 256 * static_cast<int64_t>(length)) return -1;
        unit.rise();
        ++cycles;
        if (taken) {
            offered = false;
            if (++position == lengths[sent]) {
                position = 0;
                ++sent;
            }
        }
    }
    model.i_valid = 0;
    model.o_ready = 1;
    // and no decision besides
    for (int32_t silence = 0; silence < SILENT_CYCLES; ++silence) {
        unit.settle();
        if (model.o_valid) return -1;
        unit.rise();
    }
    model.o_ready = 0;
    return cycles;
}
