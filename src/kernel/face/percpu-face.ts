import type { FieldType } from '../../image/struct.js';
import * as percpu from '../mm/percpu.js';
import * as access from '../mm/percpu-access.js';
import type { PerCpu, PerCpuPointer } from '../mm/percpu-access.js';
import * as dynamic from '../mm/percpu-alloc.js';
import * as counter from '../mm/percpu-counter.js';
import { smp_processor_id } from '../mm/smp-processor-id.js';
import { MemoryFace } from './memory-face.js';

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const getCpuVar = access.get_cpu_var;
const putCpuVar = access.put_cpu_var;
const getCpuPtr = access.get_cpu_ptr;
const putCpuPtr = access.put_cpu_ptr;
const addToCounter = counter.percpu_counter_add;

/** Per-CPU variables and counters. A copy of a variable is a word index of the image. */
export abstract class PercpuFace extends MemoryFace {
  override smp_processor_id(): number {
    return smp_processor_id(this);
  }

  DEFINE_PER_CPU(type: FieldType, name: string, module = '', init: readonly number[] = []): PerCpu {
    return percpu.DEFINE_PER_CPU(this, type, name, module, init);
  }

  DECLARE_PER_CPU(type: FieldType, name: string, license = 'GPL'): PerCpu {
    return percpu.DECLARE_PER_CPU(this, type, name, license);
  }

  EXPORT_PER_CPU_SYMBOL(variable: PerCpu): void {
    percpu.EXPORT_PER_CPU_SYMBOL(this, variable);
  }

  EXPORT_PER_CPU_SYMBOL_GPL(variable: PerCpu): void {
    percpu.EXPORT_PER_CPU_SYMBOL_GPL(this, variable);
  }

  percpu_modfree(module: string): void {
    percpu.percpu_modfree(this, module);
  }

  get_cpu_var(variable: PerCpu): number {
    return getCpuVar(this, variable);
  }

  put_cpu_var(variable: PerCpu): void {
    putCpuVar(this, variable);
  }

  __get_cpu_var(variable: PerCpu): number {
    return access.__get_cpu_var(this, variable);
  }

  per_cpu(variable: PerCpu, cpu: number): number {
    return access.per_cpu(this, variable, cpu);
  }

  get_cpu(): number {
    return access.get_cpu(this);
  }

  put_cpu(): void {
    access.put_cpu(this);
  }

  alloc_percpu(type: FieldType): PerCpuPointer {
    return dynamic.alloc_percpu(this, type);
  }

  __alloc_percpu(size: number, align: number): PerCpuPointer {
    return dynamic.__alloc_percpu(this, size, align);
  }

  free_percpu(pointer: PerCpuPointer): void {
    dynamic.free_percpu(this, pointer);
  }

  per_cpu_ptr(pointer: PerCpuPointer, cpu: number): number {
    return access.per_cpu_ptr(this, pointer, cpu);
  }

  get_cpu_ptr(pointer: PerCpuPointer): number {
    return getCpuPtr(this, pointer);
  }

  put_cpu_ptr(pointer: PerCpuPointer): void {
    putCpuPtr(this, pointer);
  }

  percpu_counter_init(fbc: number, amount: number): number {
    return counter.percpu_counter_init(this, fbc, amount);
  }

  percpu_counter_destroy(fbc: number): void {
    counter.percpu_counter_destroy(this, fbc);
  }

  percpu_counter_add(fbc: number, amount: number): void {
    addToCounter(this, fbc, amount);
  }

  percpu_counter_mod(fbc: number, amount: number): void {
    counter.percpu_counter_mod(this, fbc, amount);
  }

  percpu_counter_inc(fbc: number): void {
    counter.percpu_counter_inc(this, fbc);
  }

  percpu_counter_dec(fbc: number): void {
    counter.percpu_counter_dec(this, fbc);
  }

  percpu_counter_read(fbc: number): number {
    return counter.percpu_counter_read(this, fbc);
  }

  percpu_counter_read_positive(fbc: number): number {
    return counter.percpu_counter_read_positive(this, fbc);
  }

  percpu_counter_sum(fbc: number): number {
    return counter.percpu_counter_sum(this, fbc);
  }
}
