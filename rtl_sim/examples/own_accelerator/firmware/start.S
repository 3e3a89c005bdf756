# start.S: from reset to main; its result leaves in a0 with an ecall.
    .section .text.start
    .globl _start
_start:
    la sp, stack_end
    call main
    ecall
1:  j 1b
