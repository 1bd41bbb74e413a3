"""Machine opcodes by the classes in which the virtual GPU counts PTX (vgpu::Class).

https://docs.nvidia.com/cuda/cuda-binary-utilities/#instruction-set-reference. The manual groups opcodes by what they
do; here they are grouped by the pipe that the time model charges, as the PTX classes are. Opcodes of the uniform
datapath (U...) only take an issue slot, so they stand with the moves.
"""

from __future__ import annotations

_OPCODES = {
    "fp32": "FFMA FADD FMUL FMNMX FCHK FSWZADD FSEL FFMA32I FADD32I FMUL32I FADD2 FMUL2 FFMA2",
    "fp64": "DFMA DADD DMUL DMNMX",
    "fp16": "HFMA2 HADD2 HMUL2 HMNMX2 HADD2_32I HFMA2_32I HMUL2_32I",
    "special": "MUFU",
    "conversion": "I2F F2I F2F I2I F2FP I2FP F2IP FRND I2IP",
    "integer": "IADD3 IMAD LOP3 SHF LEA IABS IMNMX VIMNMX PRMT SEL FLO POPC BREV IDP BMSK SGXT "
    "VABSDIFF VABSDIFF4 VIADD VIADDMNMX IADD LOP SHL SHR IMUL",
    "predicate": "ISETP FSETP DSETP HSETP2 PSETP PLOP3 P2R R2P",
    "move": "MOV CS2R S2R S2UR R2UR MOVM R2B B2R CS2UR",
    "global_load": "LDG LD",
    "global_store": "STG ST",
    "global_atomic": "ATOMG ATOM RED REDG",
    "shared_load": "LDS LDSM",
    "shared_store": "STS STSM",
    "shared_atomic": "ATOMS SYNCS",
    "local_load": "LDL",
    "local_store": "STL",
    "constant_load": "LDC ULDC",
    "shuffle": "SHFL",
    "vote": "VOTE VOTEU MATCH REDUX",
    "barrier": "BAR WARPSYNC",
    "matrix": "HMMA IMMA DMMA BMMA QMMA HGMMA IGMMA QGMMA BGMMA",
    "async_copy": "LDGSTS LDGDEPBAR DEPBAR UBLKCP UBLKRED ARRIVES UTMALDG UTMASTG UTMACMDFLUSH",
    "control": "BRA EXIT RET CALL BSSY BSYNC BREAK BRX BMOV YIELD KILL BPT JMP JMX BRXU JMXU "
    "ENDCOLLECTIVE LEPC NANOSLEEP",
}
_CLASS_OF = {opcode: name for name, opcodes in _OPCODES.items() for opcode in opcodes.split()}
PADDING = frozenset({"NOP"})


def class_of(opcode: str) -> str:
    """The class of a machine opcode with its modifiers; "other" for what is none of them."""
    base = opcode.split(".", 1)[0]
    # Moves that use an arithmetic pipe, to spread the load.
    if opcode.startswith(("IMAD.MOV", "HFMA2.MMA")):
        return "move"
    return _CLASS_OF.get(base) or ("move" if base.startswith("U") else "other")
