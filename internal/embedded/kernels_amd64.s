#include "textflag.h"

// func dotRowsAVX2(w, x *int8, out *int32, rows, stride int)
// Widens 16 bytes at a time to int16, multiplies and adds pairs to int32.
TEXT ·dotRowsAVX2(SB), NOSPLIT, $0-40
	MOVQ w+0(FP), SI
	MOVQ x+8(FP), DX
	MOVQ out+16(FP), DI
	MOVQ rows+24(FP), CX
	MOVQ stride+32(FP), BX

row:
	XORQ  AX, AX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1

step:
	VPMOVSXBW (SI)(AX*1), Y2
	VPMOVSXBW (DX)(AX*1), Y3
	VPMOVSXBW 16(SI)(AX*1), Y4
	VPMOVSXBW 16(DX)(AX*1), Y5
	VPMADDWD  Y2, Y3, Y2
	VPMADDWD  Y4, Y5, Y4
	VPADDD    Y2, Y0, Y0
	VPADDD    Y4, Y1, Y1
	ADDQ      $32, AX
	CMPQ      AX, BX
	JLT       step

	VPADDD       Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x4e, X0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0xb1, X0, X1
	VPADDD       X1, X0, X0
	VMOVD        X0, (DI)
	ADDQ         $4, DI
	ADDQ         BX, SI
	DECQ         CX
	JNZ          row
	VZEROUPPER
	RET

// func dotHalfAVX2(w, x, out *float32, rows, n int)
// Sixteen float64 partial sums; reduce in kernels.go has the same order.
TEXT ·dotHalfAVX2(SB), NOSPLIT, $0-40
	MOVQ w+0(FP), SI
	MOVQ x+8(FP), DX
	MOVQ out+16(FP), DI
	MOVQ rows+24(FP), CX
	MOVQ n+32(FP), BX
	SHLQ $2, BX

hrow:
	XORQ   AX, AX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3

hstep:
	VCVTPS2PD   (SI)(AX*1), Y4
	VCVTPS2PD   (DX)(AX*1), Y5
	VCVTPS2PD   16(SI)(AX*1), Y6
	VCVTPS2PD   16(DX)(AX*1), Y7
	VCVTPS2PD   32(SI)(AX*1), Y8
	VCVTPS2PD   32(DX)(AX*1), Y9
	VCVTPS2PD   48(SI)(AX*1), Y10
	VCVTPS2PD   48(DX)(AX*1), Y11
	VFMADD231PD Y4, Y5, Y0
	VFMADD231PD Y6, Y7, Y1
	VFMADD231PD Y8, Y9, Y2
	VFMADD231PD Y10, Y11, Y3
	ADDQ        $64, AX
	CMPQ        AX, BX
	JLT         hstep

	VADDPD       Y1, Y0, Y0
	VADDPD       Y3, Y2, Y2
	VADDPD       Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPD       X1, X0, X0
	VUNPCKHPD    X0, X0, X1
	VADDSD       X1, X0, X0
	VCVTSD2SS    X0, X0, X0
	VMOVSS       X0, (DI)
	ADDQ         $4, DI
	ADDQ         BX, SI
	DECQ         CX
	JNZ          hrow
	VZEROUPPER
	RET

// func madHalfF16C(y, x *uint16, v float32, n int)
TEXT ·madHalfF16C(SB), NOSPLIT, $0-32
	MOVQ         y+0(FP), DI
	MOVQ         x+8(FP), SI
	VBROADCASTSS v+16(FP), Y0
	MOVQ         n+24(FP), CX
	XORQ         AX, AX

mstep:
	VCVTPH2PS (SI)(AX*2), Y1
	VCVTPH2PS (DI)(AX*2), Y2
	VMULPS    Y0, Y1, Y1
	VADDPS    Y1, Y2, Y2
	VCVTPS2PH $0, Y2, (DI)(AX*2)
	ADDQ      $8, AX
	CMPQ      AX, CX
	JLT       mstep
	VZEROUPPER
	RET

// func dotWideAVX2(q, k *int32, out *int64, n, stride, rows int)
TEXT ·dotWideAVX2(SB), NOSPLIT, $0-48
	MOVQ q+0(FP), SI
	MOVQ k+8(FP), DX
	MOVQ out+16(FP), DI
	MOVQ n+24(FP), CX
	MOVQ stride+32(FP), BX
	MOVQ rows+40(FP), R8
	SHLQ $2, BX

wrow:
	XORQ  AX, AX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1

wstep:
	VMOVDQU (SI)(AX*4), Y2
	VMOVDQU (DX)(AX*4), Y3
	VPSRLQ  $32, Y2, Y4
	VPSRLQ  $32, Y3, Y5
	VPMULDQ Y2, Y3, Y2      // even elements, sign taken from their own 32 bits
	VPMULDQ Y4, Y5, Y4      // odd elements
	VPADDQ  Y2, Y0, Y0
	VPADDQ  Y4, Y1, Y1
	ADDQ    $8, AX
	CMPQ    AX, CX
	JLT     wstep

	VPADDQ       Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDQ       X1, X0, X0
	VPSHUFD      $0x4e, X0, X1
	VPADDQ       X1, X0, X0
	VMOVQ        X0, (DI)
	ADDQ         $8, DI
	ADDQ         BX, DX
	DECQ         R8
	JNZ          wrow
	VZEROUPPER
	RET

// func madWideAVX2(acc *int64, v *int32, w *int64, n, stride, rows int)
// Eight elements of acc stay in registers while the rows pass.
TEXT ·madWideAVX2(SB), NOSPLIT, $0-48
	MOVQ acc+0(FP), DI
	MOVQ v+8(FP), SI
	MOVQ n+24(FP), CX
	MOVQ stride+32(FP), BX
	SHLQ $2, BX

block:
	MOVQ    w+16(FP), DX
	MOVQ    rows+40(FP), R8
	MOVQ    SI, AX
	VMOVDQU (DI), Y1
	VMOVDQU 32(DI), Y2

arow:
	VPBROADCASTQ (DX), Y0
	VPMOVSXDQ    (AX), Y3
	VPMOVSXDQ    16(AX), Y4
	VPMULDQ      Y0, Y3, Y3
	VPMULDQ      Y0, Y4, Y4
	VPADDQ       Y3, Y1, Y1
	VPADDQ       Y4, Y2, Y2
	ADDQ         $8, DX
	ADDQ         BX, AX
	DECQ         R8
	JNZ          arow

	VMOVDQU Y1, (DI)
	VMOVDQU Y2, 32(DI)
	ADDQ    $64, DI
	ADDQ    $32, SI
	SUBQ    $8, CX
	JNZ     block
	VZEROUPPER
	RET
