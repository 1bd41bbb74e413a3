// Convolutions: six nested index divisions, and a 7x7 filter in constant memory with a halo in shared memory.
// The filter has values here, because nothing can write a constant from outside the module.
__constant__ float kf[49]={
  -0.5625f, 0.5625f, 0.5f, 0.4375f, 0.375f, 0.3125f, 0.25f,
  0.1875f, 0.125f, 0.0625f, 0.0f, -0.0625f, -0.125f, -0.1875f,
  -0.25f, -0.3125f, -0.375f, -0.4375f, -0.5f, -0.5625f, 0.5625f,
  0.5f, 0.4375f, 0.375f, 0.3125f, 0.25f, 0.1875f, 0.125f,
  0.0625f, 0.0f, -0.0625f, -0.125f, -0.1875f, -0.25f, -0.3125f,
  -0.375f, -0.4375f, -0.5f, -0.5625f, 0.5625f, 0.5f, 0.4375f,
  0.375f, 0.3125f, 0.25f, 0.1875f, 0.125f, 0.0625f, 0.0f};
extern "C" __global__ void conv2d_naive(const float*x,const float*wt,float*y,int N,int C,int H,int W,int K,int R){int idx=blockIdx.x*blockDim.x+threadIdx.x; if(idx>=N*K*H*W)return; int ow=idx%W,oh=idx/W%H,k=idx/(W*H)%K,n=idx/(W*H*K); float s=0; for(int c=0;c<C;c++)for(int r=0;r<R;r++)for(int q=0;q<R;q++){int ih=oh+r-R/2,iw=ow+q-R/2; if((unsigned)ih<(unsigned)H&&(unsigned)iw<(unsigned)W)s+=x[((n*C+c)*H+ih)*W+iw]*wt[((k*C+c)*R+r)*R+q];} y[idx]=s;}
extern "C" __global__ void conv2d_halo(const float*__restrict__ x,float*__restrict__ y,int H,int W){__shared__ float s[22][22]; for(int i=threadIdx.y*16+threadIdx.x;i<22*22;i+=256){int r=i/22,c=i%22,ih=blockIdx.y*16+r-3,iw=blockIdx.x*16+c-3; s[r][c]=(ih>=0&&ih<H&&iw>=0&&iw<W)?__ldg(&x[ih*W+iw]):0.f;} __syncthreads(); float a=0;
#pragma unroll
 for(int r=0;r<7;r++)
#pragma unroll
 for(int c=0;c<7;c++)a=fmaf(s[threadIdx.y+r][threadIdx.x+c],kf[r*7+c],a); int oh=blockIdx.y*16+threadIdx.y,ow=blockIdx.x*16+threadIdx.x; if(oh<H&&ow<W)y[oh*W+ow]=a;}
