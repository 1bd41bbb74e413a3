// The builds of the interpreter. Each is compiled with the namespace renamed (-Dvgpu=vgpu_v3), so that no inline
// function of one build is ever linked into another; that is why they meet here as plain pointers (to vgpu::Executor).
#pragma once

extern "C" {
const void *vgpu_executor_base();
const void *vgpu_executor_v3();
const void *vgpu_executor_v4();
}
