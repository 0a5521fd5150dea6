import time,sys
t0=time.process_time(); 
from kernels.commands.common import *
from kernels.gpu import compiler
print("imports", time.process_time()-t0)
orig=compiler.ptx
def timed(f,a,arch):
    t=time.process_time(); r=orig(f,a,arch); print(f"{f.__name__:25} {arch} {time.process_time()-t:.2f} {len(r)}"); return r
compiler.ptx=timed
from kernels.commands.inspect import rows
t0=time.process_time()
for target in find_targets(sys.argv[1]):
    t=time.process_time()
    trial=trial_of(target.operation, case_of(target.operation,None)); print("trial",time.process_time()-t)
    rows(target,trial,range(1,len(target.ladder)+1),["sm_90"])
print("all",time.process_time()-t0)
