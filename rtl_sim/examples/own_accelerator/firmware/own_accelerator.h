/* own_accelerator.h: addresses of own_accelerator.v, from its base on. */
#ifndef OWN_ACCELERATOR_H
#define OWN_ACCELERATOR_H

/* registers of the exit decision unit: see offramp_decision.h */
#define OWN_DECISION 0x0000u

/* written: run so many samples; read: how many are not done */
#define OWN_SAMPLES 0x1000u
/* clock cycles of the last run */
#define OWN_CYCLES 0x1004u
/* of each sample TDATA and TUSER of the decision that it stopped at */
#define OWN_RESULT_TDATA(sample) (0x1800u + 8u * (sample))
#define OWN_RESULT_TUSER(sample) (0x1804u + 8u * (sample))

#endif
