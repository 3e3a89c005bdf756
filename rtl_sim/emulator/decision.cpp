// Drives the Verilated decision unit: whole arrays of logit vectors in, decisions out.
//
// THRESHOLD_PORTS is PORT(0) PORT(1) ...: one for each exit of the unit. SETTING_PORTS is
// PORT(0, name) ...: further inputs that keep still while vectors are decided.

#include <cstddef>
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

// a port of any width, in words of 32 bits
template <std::size_t N>
void put(VlWide<N>& port, const uint32_t* words) {
    for (std::size_t k = 0; k < N; ++k) port[k] = words[k];
}
template <typename T>
void put(T& port, const uint32_t* words) {
    port = static_cast<T>(words[0] | static_cast<uint64_t>(words[1]) << 32);
}

// Put the beat of a vector at the port that begins at `position`; return its number of logits.
// What is not to be looked at is wrong: lanes that are not kept hold the largest logit, and `keep`
// is random beside its lowest gap, for lane 0, and before the last beat.
int32_t put_beat(Model& model, const int16_t* vector, int32_t length, int32_t position) {
    const int32_t left = length - position;
    model.i_last = left <= LANES;
#if LANES == 1
    model.i_logit = vector[position] & LOGIT_MASK;
    return 1;
#else
    static Random random(1);
    const int32_t count = left < LANES ? left : LANES;
    uint32_t words[LANES * 16 / 32 + 1] = {};
    for (int32_t lane = 0; lane < LANES; ++lane) {
        const uint64_t logit = lane < count ? vector[position + lane] & LOGIT_MASK : LOGIT_MASK / 2;
        const int32_t bit = lane * LOGIT_WIDTH;
        const uint64_t placed = logit << (bit % 32);
        words[bit / 32] |= static_cast<uint32_t>(placed);
        if (placed >> 32) words[bit / 32 + 1] |= static_cast<uint32_t>(placed >> 32);
    }
    put(model.i_logits, words);
    uint32_t keep = 0;
    for (int32_t lane = 0; lane < LANES; ++lane) keep |= uint32_t{random.below(128)} << lane;
    if (model.i_last) {
        for (int32_t lane = 1; lane < count; ++lane) keep |= 1u << lane;
        keep &= ~(1u << count);
    }
    model.i_keep = keep & ((1u << LANES) - 1);
    return count;
#endif
}

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
    int32_t position = 0, vectors = 0;
    int32_t beat = put_beat(model, logits, n, position);
    for (; (vectors == 0 || !model.i_last) && cycles < WATCHDOG_CYCLES; ++cycles) {
        unit.settle();
        const bool taken = model.i_ready;
        // the unit may hold still before all is in: then the decision waits already
        if (model.o_valid && !taken) break;
        unit.rise();
        if (!taken) continue;
        vectors += model.i_last;
        position = model.i_last ? 0 : position + beat;
        beat = put_beat(model, logits, n, position);
    }
    model.i_valid = flowing;
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
    int32_t position = 0, beat = 0;
    bool offered = false, placed = false;
    while (received < n) {
        // a beat once offered stays until it is taken
        offered = offered || (sent < n && !random.below(idle));
        model.i_valid = offered;
        if (offered) {
            if (!placed) beat = put_beat(model, logits + sent * length, lengths[sent], position);
            placed = true;
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
            offered = placed = false;
            position += beat;
            if (position == lengths[sent]) {
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
