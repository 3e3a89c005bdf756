// Drives the Verilated engine behind a UART, bit by bit: bytes in, bytes out.
//
// CLOCKS_PER_BIT is that of the engine's UART. The host's bits may be longer or shorter.

#include <cstdint>
#include <deque>

#include "Model.h"
#include "verilated.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int64_t FRACTION = 1 << 16;  // parts of a clock cycle that time is counted in

// Puts bytes on a line: a start bit, 8 bits, a stop bit.
class Sender {
public:
    // The level in this cycle.
    bool level(int64_t bit_time) {
        if (left <= 0) {
            if (bits > 1) {
                bits >>= 1;
                left += bit_time;
            } else if (!waiting.empty()) {
                bits = (1u << 9) | (static_cast<uint32_t>(waiting.front()) << 1);
                waiting.pop_front();
                // what is left of a cycle counts for the next byte only if it follows at once
                left = (idle ? 0 : left) + bit_time;
                idle = false;
            } else {
                idle = true;
                left = 0;
            }
        }
        left -= FRACTION;
        return bits & 1;
    }

    bool done() const { return waiting.empty() && bits == 1 && left <= 0; }

    std::deque<uint8_t> waiting;

private:
    uint32_t bits = 1;  // the lowest is on the line; the stop bit is the last 1
    int64_t left = 0;   // time until the next bit
    bool idle = true;
};

// Takes bytes from a line, each bit from its middle.
class Receiver {
public:
    // Returns the byte that is whole in this cycle; -1 for none.
    int32_t take(bool level, int64_t bit_time) {
        if (n_bits < 0) {
            if (!level) {
                n_bits = 0;
                left = bit_time / 2;
            }
            return -1;
        }
        left -= FRACTION;
        if (left > 0) return -1;
        left += bit_time;
        if (n_bits == 0) {
            n_bits = level ? -1 : 1;
            return -1;
        }
        if (n_bits <= 8) {
            bits = (bits >> 1) | (level ? 0x80 : 0);
            ++n_bits;
            return -1;
        }
        n_bits = -1;
        if (level) return bits;
        ++errors;
        return -1;
    }

    int64_t errors = 0;  // bytes without stop bit

private:
    int32_t n_bits = -1;  // -1 without a byte; the start bit is bit 0
    uint32_t bits = 0;
    int64_t left = 0;
};

class Board {
public:
    Board() : model(&context) {
        context.commandArgs(0, static_cast<const char**>(nullptr));
        model.rx = 1;
        reset();
    }

    void reset() {
        model.rst = 1;
        step();
        step();
        model.rst = 0;
    }

    void step() {
        model.clk = 0;
        model.eval();
        model.clk = 1;
        model.eval();
        ++cycle;
    }

    VerilatedContext context;
    Model model;
    Sender sender;
    Receiver receiver;
    int64_t bit_time = CLOCKS_PER_BIT * FRACTION;
    int64_t cycle = 0;
};

}  // namespace

EXPORT void* offramp_create() { return new Board; }

EXPORT void offramp_destroy(void* board) { delete static_cast<Board*>(board); }

EXPORT void offramp_reset(void* board) { static_cast<Board*>(board)->reset(); }

EXPORT int64_t offramp_cycle(void* board) { return static_cast<Board*>(board)->cycle; }

EXPORT int64_t offramp_framing_errors(void* board) {
    return static_cast<Board*>(board)->receiver.errors;
}

// Bytes that wait to be put on the line.
EXPORT int64_t offramp_waiting(void* board) {
    return static_cast<int64_t>(static_cast<Board*>(board)->sender.waiting.size());
}

// Length of the host's bits, in 1 / FRACTION cycles.
EXPORT void offramp_set_bit_time(void* board, int64_t bit_time) {
    static_cast<Board*>(board)->bit_time = bit_time;
}

// Queue `n` bytes for the line and run `cycles` cycles. Returns how many bytes came, those beyond
// `capacity` lost: the line gives fewer.
EXPORT int64_t offramp_exchange(void* handle, const uint8_t* in, int64_t n, int64_t cycles,
                                uint8_t* out, int64_t capacity) {
    Board& board = *static_cast<Board*>(handle);
    board.sender.waiting.insert(board.sender.waiting.end(), in, in + n);
    int64_t given = 0;
    for (int64_t k = 0; k < cycles; ++k) {
        board.model.rx = board.sender.level(board.bit_time);
        board.step();
        const int32_t byte = board.receiver.take(board.model.tx, board.bit_time);
        if (byte >= 0 && given < capacity) out[given++] = static_cast<uint8_t>(byte);
    }
    return given;
}

// Hold the line at a level for `cycles` cycles, whatever waits; what comes meanwhile is lost.
EXPORT void offramp_hold(void* handle, int32_t level, int64_t cycles) {
    Board& board = *static_cast<Board*>(handle);
    board.model.rx = level;
    for (int64_t k = 0; k < cycles; ++k) {
        board.step();
        board.receiver.take(board.model.tx, board.bit_time);
    }
}
