/* main.c: sets up the exit decision unit, runs the accelerator and checks all that it gives.
 *
 * Returns 0, or the number of the check that failed.
 */

#include "bus.h"
#include "expected.h"
#include "offramp_decision.h"
#include "own_accelerator.h"

enum {
    PASSED,
    NO_UNIT,            /* something else answers, or another version of it */
    OTHER_PARAMETERS,   /* the header was generated for another unit */
    SETTING_LOST,       /* a register does not hold what was written */
    COUNT_WRONG,        /* seen or exited of an exit */
    RESULT_WRONG,       /* label, score or exit of a sample */
    NOTHING_SAVED,      /* exits must save cycles */
    GUARD_WRONG,        /* the budget guard lets a sample pass, or forces the wrong ones */
    ERROR_REPORTED,     /* the unit saw an illegal vector */
};

#define EXITS OFFRAMP_DECISION_EXITS
#define FIELD(word, field) OFFRAMP_DECISION_GET(word, field)

static uint32_t unit_read(uint32_t offset) { return bus_read(OWN_DECISION + offset); }

static void unit_write(uint32_t offset, uint32_t word) { bus_write(OWN_DECISION + offset, word); }

static int identify(void) {
    uint32_t version = unit_read(OFFRAMP_DECISION_VERSION_OFFSET);
    uint32_t logits = unit_read(OFFRAMP_DECISION_PARAMETERS_0_OFFSET);
    uint32_t exits = unit_read(OFFRAMP_DECISION_PARAMETERS_1_OFFSET);

    if (unit_read(OFFRAMP_DECISION_MAGIC_OFFSET) != OFFRAMP_DECISION_MAGIC_VALUE ||
        FIELD(version, VERSION_MAJOR) != OFFRAMP_DECISION_VERSION_MAJOR_VALUE)
        return NO_UNIT;
    if (FIELD(logits, PARAMETERS_0_CLASSES) != OFFRAMP_DECISION_CLASSES ||
        FIELD(logits, PARAMETERS_0_FRACTION_BITS) != OFFRAMP_DECISION_FRACTION_BITS ||
        FIELD(exits, PARAMETERS_1_EXITS) != OFFRAMP_DECISION_EXITS)
        return OTHER_PARAMETERS;
    return PASSED;
}

static int set_thresholds(void) {
    for (uint32_t k = 0; k < EXITS; ++k) {
        unit_write(OFFRAMP_DECISION_THRESHOLD_OFFSET(k), (uint32_t)expected_threshold[k]);
        if (unit_read(OFFRAMP_DECISION_THRESHOLD_OFFSET(k)) != (uint32_t)expected_threshold[k])
            return SETTING_LOST;
    }
    return PASSED;
}

static void enable_exit(uint32_t exit, uint32_t enable) {
    unit_write(OFFRAMP_DECISION_EXIT_CONTROL_OFFSET(exit),
               enable << OFFRAMP_DECISION_EXIT_CONTROL_ENABLE_SHIFT);
}

/* Run all samples with the counters at 0; return the cycles. */
static uint32_t run(void) {
    unit_write(OFFRAMP_DECISION_CONTROL_OFFSET, OFFRAMP_DECISION_CONTROL_ENABLE_MASK |
                                                    OFFRAMP_DECISION_CONTROL_CLEAR_COUNTERS_MASK);
    bus_write(OWN_SAMPLES, EXPECTED_SAMPLES);
    while (bus_read(OWN_SAMPLES) != 0)
        ;
    return bus_read(OWN_CYCLES);
}

static int check_counts(uint32_t exit, uint32_t seen, uint32_t exited) {
    return unit_read(OFFRAMP_DECISION_SEEN_OFFSET(exit)) == seen &&
           unit_read(OFFRAMP_DECISION_EXITED_OFFSET(exit)) == exited;
}

int main(void) {
    uint32_t cycles_without, cycles_with, forced = 0;
    int failed = identify();

    if (failed == PASSED) failed = set_thresholds();
    if (failed != PASSED) return failed;

    /* without early exits each sample takes all stages */
    for (uint32_t k = 0; k < EXITS - 1; ++k) enable_exit(k, 0);
    cycles_without = run();
    for (uint32_t k = 0; k < EXITS; ++k)
        if (!check_counts(k, EXPECTED_SAMPLES, k == EXITS - 1 ? EXPECTED_SAMPLES : 0))
            return COUNT_WRONG;

    /* with them: every decision as the golden model's */
    for (uint32_t k = 0; k < EXITS - 1; ++k) enable_exit(k, 1);
    cycles_with = run();
    for (uint32_t k = 0; k < EXITS; ++k)
        if (!check_counts(k, expected_seen[k], expected_exited[k])) return COUNT_WRONG;
    for (uint32_t k = 0; k < EXPECTED_SAMPLES; ++k) {
        uint32_t decision = bus_read(OWN_RESULT_TDATA(k));
        uint32_t user = bus_read(OWN_RESULT_TUSER(k));

        if (FIELD(decision, TDATA_LABEL) != expected_label[k] ||
            OFFRAMP_DECISION_SCORE(decision) != expected_score[k] ||
            FIELD(user, TUSER_EXIT_INDEX) != expected_exit[k] || FIELD(user, TUSER_TAG) != k)
            return RESULT_WRONG;
    }
    if (cycles_with >= cycles_without) return NOTHING_SAVED;

    /* a deadline: the first exit is taken by all, forced where the score is too low */
    unit_write(OFFRAMP_DECISION_BUDGET_GUARD_OFFSET, OFFRAMP_DECISION_BUDGET_GUARD_ENABLE_MASK);
    run();
    for (uint32_t k = 0; k < EXPECTED_SAMPLES; ++k)
        forced += FIELD(bus_read(OWN_RESULT_TDATA(k)), TDATA_FORCED);
    if (!check_counts(0, EXPECTED_SAMPLES, EXPECTED_SAMPLES) ||
        forced != EXPECTED_SAMPLES - expected_exited[0])
        return GUARD_WRONG;
    unit_write(OFFRAMP_DECISION_BUDGET_GUARD_OFFSET, 0);

    return unit_read(OFFRAMP_DECISION_STATUS_OFFSET) == 0 ? PASSED : ERROR_REPORTED;
}
