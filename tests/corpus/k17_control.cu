// Switch, recursion, virtual calls, printf, assert, trap, local arrays, malloc, clock.
#include <cstdio>
#include <cassert>
__device__ __noinline__ int collatz(int v){int c=0; while(v!=1&&c<1000){v=(v&1)?3*v+1:v/2;c++;} return c;}
__device__ int fib(int n){return n<2?n:fib(n-1)+fib(n-2);}
struct Op{__device__ virtual float f(float)=0;}; struct A:Op{__device__ float f(float x)override{return x*2;}}; struct Bq:Op{__device__ float f(float x)override{return x+3;}};
extern "C" __global__ void switch_div(const int*x,int*y,int n){int i=blockIdx.x*blockDim.x+threadIdx.x; if(i>=n)return; int v=x[i],r; switch(v&15){case 0:r=v+1;break;case 1:r=v*3;break;case 2:r=collatz(v);break;case 3:r=v^55;break;case 4:r=v/3;break;case 5:r=v%5;break;case 6:r=__popc(v);break;case 7:r=-v;break;case 8:r=v<<2;break;case 9:r=v>>1;break;case 10:r=v*v;break;default:r=fib(v&7);} y[i]=r;}
extern "C" __global__ void virt_call(float*y,int n){int i=blockIdx.x*blockDim.x+threadIdx.x; A a; Bq b; Op*o=(i&1)?(Op*)&a:(Op*)&b; y[i]=o->f(i);}
extern "C" __global__ void printf_assert(int*y,int n){int i=threadIdx.x; assert(n>0); if(i==0)printf("hello %d %f\n",n,1.5); if(n==77)__trap(); int loc[64]; for(int k=0;k<64;k++)loc[k]=k*i; y[i]=loc[(y[i])&63];}
extern "C" __global__ void malloc_k(int**p){int*q=(int*)malloc(64); if(q){q[threadIdx.x&15]=1; p[threadIdx.x]=q;}  long long t=clock64(); if(t<0)free(q);}
