// Matrix products: one thread an element, and 128x128x8 register tiles in shared memory (template).
extern "C" __global__ void sgemm_naive(const float*A,const float*B,float*C,int M,int N,int K){int c=blockIdx.x*blockDim.x+threadIdx.x,r=blockIdx.y*blockDim.y+threadIdx.y; if(r<M&&c<N){float s=0;for(int k=0;k<K;k++)s+=A[r*K+k]*B[k*N+c];C[r*N+c]=s;}}
template<int BM,int BN,int BK,int TM,int TN> __device__ void sg(const float* __restrict__ A,const float* __restrict__ B,float* __restrict__ C,int M,int N,int K){
  __shared__ float As[BK][BM+4],Bs[BK][BN]; const int nt=(BM/TM)*(BN/TN); int t=threadIdx.x,tr=t/(BN/TN),tc=t%(BN/TN); float acc[TM][TN]={};
  A+=(size_t)blockIdx.y*BM*K; B+=blockIdx.x*BN; C+=(size_t)blockIdx.y*BM*N+blockIdx.x*BN;
  for(int k0=0;k0<K;k0+=BK){ for(int i=t*4;i<BM*BK;i+=nt*4){int r=i/BK,c=i%BK; float4 v=*(const float4*)&A[(size_t)r*K+k0+c]; As[c][r]=v.x;As[c+1][r]=v.y;As[c+2][r]=v.z;As[c+3][r]=v.w;} for(int i=t*4;i<BK*BN;i+=nt*4){int r=i/BN,c=i%BN; *(float4*)&Bs[r][c]=*(const float4*)&B[(size_t)(k0+r)*N+c];} __syncthreads();
   #pragma unroll
   for(int k=0;k<BK;k++){float a[TM],b[TN]; 
    #pragma unroll
    for(int i=0;i<TM;i++)a[i]=As[k][tr*TM+i];
    #pragma unroll
    for(int j=0;j<TN;j++)b[j]=Bs[k][tc*TN+j];
    #pragma unroll
    for(int i=0;i<TM;i++)
    #pragma unroll
     for(int j=0;j<TN;j++)acc[i][j]+=a[i]*b[j];} __syncthreads(); }
  for(int i=0;i<TM;i++)for(int j=0;j<TN;j+=4)*(float4*)&C[(size_t)(tr*TM+i)*N+tc*TN+j]=make_float4(acc[i][j],acc[i][j+1],acc[i][j+2],acc[i][j+3]); }
extern "C" __global__ void __launch_bounds__(256) sgemm_tiled(const float*A,const float*B,float*C,int M,int N,int K){sg<128,128,8,8,8>(A,B,C,M,N,K);}
