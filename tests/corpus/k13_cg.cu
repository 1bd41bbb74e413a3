// Cooperative groups: tiled partitions, reduce, scan, coalesced threads, and grid-wide synchronisation.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
namespace cg=cooperative_groups;
extern "C" __global__ void cg_reduce(const int*x,int*o,int n){auto b=cg::this_thread_block(); auto w=cg::tiled_partition<32>(b); auto q=cg::tiled_partition<8>(w); int s=0; for(int i=b.thread_rank()+blockIdx.x*b.size();i<n;i+=gridDim.x*b.size())s+=x[i]; int r=cg::reduce(w,s,cg::plus<int>()); float f=cg::reduce(q,(float)s,cg::greater<float>()); int e=cg::exclusive_scan(w,s); auto act=cg::coalesced_threads(); if(w.thread_rank()==0)atomicAdd(o,r); if(act.thread_rank()==0)atomicAdd(o+1,(int)act.size()+e+(int)f); b.sync();}
extern "C" __global__ void cg_grid(float*x,int n){auto g=cg::this_grid(); for(int it=0;it<4;it++){for(int i=g.thread_rank();i<n;i+=g.size())x[i]=x[(i+1)%n]*0.5f; g.sync();}}
