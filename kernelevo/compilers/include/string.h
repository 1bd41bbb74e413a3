#pragma once
// What of this a kernel can use is built into NVRTC.
