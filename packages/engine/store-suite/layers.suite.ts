import type { Store } from '@setpoint/engine';
import { expect, it } from 'vitest';
import { answer, commit, overrideOf } from './fixtures.ts';

export function describeLayers(open: () => Promise<Store>): void {
  const file = { digest: 'sha256:file-1', content: { yaml_file: { port: 80 }, '/lines': [1, null] } };
  const edited = { digest: 'sha256:file-2', content: { yaml_file: { port: 81 } } };

  it('keeps the layers that every version was made of', async () => {
    await using store = await open();
    await store.append([
      commit('api', 1, { sources: file }),
      commit('web', 1, { sources: file, overrides: [overrideOf(1)] }),
      commit('api', 2, { sources: file, overrides: [overrideOf(2)] }),
    ]);
    await store.append([commit('api', 3, { sources: edited, overrides: [overrideOf(2)] })]);
    await store.append([commit('api', 4), commit('api', 5, { sources: file })]);
    expect(await store.findLayers('api', 1)).toStrictEqual({ overrides: [], sources: file.content });
    expect(await store.findLayers('api', 2)).toStrictEqual({ overrides: [overrideOf(2)], sources: file.content });
    expect(await store.findLayers('api', 3)).toStrictEqual({ overrides: [overrideOf(2)], sources: edited.content });
    expect(await store.findLayers('api', 4)).toStrictEqual({ overrides: [] });
    expect(await store.findLayers('api', 5)).toStrictEqual({ overrides: [], sources: file.content });
    expect(await store.findLayers('web', 1)).toStrictEqual({ overrides: [overrideOf(1)], sources: file.content });
    expect(await store.findLayers('api', 6)).toBeUndefined();
    expect(await store.findLayers('ghost', 1)).toBeUndefined();
  });

  it('keeps the overrides of a version although operators set others without a new one', async () => {
    await using store = await open();
    await store.append([commit('api', 1, { overrides: [overrideOf(1)] })]);
    await store.append([{ ...answer('api', 1, 'unchanged'), next: { overrides: [overrideOf(2)] } }]);
    expect(await store.findLayers('api', 1)).toEqual({ overrides: [overrideOf(1)] });
    expect((await store.services())[0]?.overrides).toEqual([overrideOf(2)]);
    await store.append([commit('api', 2, { overrides: [overrideOf(3)] })]);
    expect((await store.services())[0]?.overrides).toEqual([overrideOf(3)]);
  });

  it('keeps nothing of the sources of a batch with a conflict', async () => {
    await using store = await open();
    await store.append([commit('api', 1)]);
    await store.append([commit('api', 2, { sources: file }), commit('web', 7)]);
    await store.append([commit('api', 2)]);
    expect(await store.findLayers('api', 2)).toEqual({ overrides: [] });
  });
}
