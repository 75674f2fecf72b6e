import type { Row } from '../plan/routine.ts';

const CHARACTERS = 'text, text, text, text';

/** ksqlDB's masks. Each has a second form that takes the characters for upper case, lower case, digits and others. */
export const MASK_FUNCTIONS: readonly Row[] = [
  [
    'mask(text) text',
    'text/masks/mask',
    "mask('Ab-12')",
    'masks each character: upper case becomes X, lower case x, a digit n, any other -',
  ],
  [
    `mask(text, ${CHARACTERS}) text? on null`,
    'text/masks/maskWith',
    "mask('Ab-12', '*', '*', '0', NULL)",
    'masks with these characters for upper case, lower case, digits and others; null leaves such characters unmasked',
  ],
  ...(
    [
      ['mask_left', 'maskLeft', 'masks the first n characters'],
      ['mask_right', 'maskRight', 'masks the last n characters'],
      ['mask_keep_left', 'maskKeepLeft', 'masks all but the first n characters'],
      ['mask_keep_right', 'maskKeepRight', 'masks all but the last n characters'],
    ] as const
  ).flatMap(([name, code, meaning]): Row[] => [
    [`${name}(text, integer) text`, `text/masks/${code}`, `${name}('Ab-12', 2)`, meaning],
    [
      `${name}(text, integer, ${CHARACTERS}) text? on null`,
      `text/masks/${code}With`,
      `${name}('Ab-12', 2, '*', '*', '0', NULL)`,
      `${meaning}, with these characters`,
    ],
  ]),
];
