// What Verilator's FST writer calls of liblz4, whose header few machines have.
//
// Blocks as the LZ4 block format says (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md):
// sequences of literals and a match within the last 65,535 bytes; the last has literals alone.

#pragma once

#include <array>
#include <cstdint>
#include <cstring>

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

namespace offramp_lz4 {

constexpr int MIN_MATCH = 4;
constexpr int LAST_LITERALS = 5;
constexpr int LAST_MATCH = 12;  // no match starts so near to the end
constexpr int HASH_BITS = 12;

inline uint32_t four_bytes(const char* at) {
    uint32_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

// The part of a length beyond the token's four bits.
inline char* put_length(char* to, int length) {
    if (length < 15) return to;
    for (length -= 15; length >= 255; length -= 255) *to++ = static_cast<char>(255);
    *to++ = static_cast<char>(length);
    return to;
}

inline char* put_sequence(char* to, const char* literals, int n_literals, int offset, int match) {
    const int high = n_literals < 15 ? n_literals : 15;
    const int low = offset == 0 ? 0 : match - MIN_MATCH < 15 ? match - MIN_MATCH : 15;
    *to++ = static_cast<char>(high << 4 | low);
    to = put_length(to, n_literals);
    std::memcpy(to, literals, n_literals);
    to += n_literals;
    if (offset == 0) return to;
    *to++ = static_cast<char>(offset & 255);
    *to++ = static_cast<char>(offset >> 8);
    return put_length(to, match - MIN_MATCH);
}

}  // namespace offramp_lz4

// Compress `size` bytes into `to`, of LZ4_compressBound(size) bytes; returns how many are used.
inline int LZ4_compress_default(const char* from, char* to, int size, int) {
    using namespace offramp_lz4;
    std::array<int, 1 << HASH_BITS> seen;  // where four bytes of a hash were last, plus 1
    seen.fill(0);
    char* const start = to;
    int literals = 0;
    for (int at = 0; at < size - LAST_MATCH;) {
        const uint32_t value = four_bytes(from + at);
        int& last = seen[value * 2654435761u >> (32 - HASH_BITS)];
        const int found = last - 1;
        last = at + 1;
        if (found < 0 || at - found > 65535 || four_bytes(from + found) != value) {
            ++at;
            continue;
        }
        int length = MIN_MATCH;
        while (at + length < size - LAST_LITERALS && from[found + length] == from[at + length])
            ++length;
        to = put_sequence(to, from + literals, at - literals, at - found, length);
        at += length;
        literals = at;
    }
    return static_cast<int>(put_sequence(to, from + literals, size - literals, 0, 0) - start);
}
