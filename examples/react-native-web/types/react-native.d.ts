/**
 * The few declarations of React Native that this app uses. React Native Web ships none of its own, and those of
 * `react-native` come with 200 packages and the native sources, which no page needs.
 */
declare module "react-native" {
  import type { ComponentType, ReactElement, ReactNode } from "react";

  /** A style that `StyleSheet.create` has made, several, or none of them. */
  export type Style = Record<string, unknown> | readonly Style[] | false | undefined;

  interface ViewProps {
    style?: Style;
    children?: ReactNode;
    role?: "alert" | "button" | "heading" | "list" | "listitem" | "main" | "status" | "switch";
    testID?: string;
    "aria-label"?: string;
  }

  export function View(props: ViewProps): ReactElement;

  export function ScrollView(props: ViewProps & { contentContainerStyle?: Style }): ReactElement;

  export function Text(
    props: ViewProps & { numberOfLines?: number; selectable?: boolean; "aria-level"?: number },
  ): ReactElement;

  export function TextInput(
    props: Omit<ViewProps, "children"> & {
      value: string;
      onChangeText: (text: string) => void;
      onSubmitEditing?: () => void;
      secureTextEntry?: boolean;
      autoCapitalize?: "none" | "sentences";
      autoComplete?: "username" | "current-password";
    },
  ): ReactElement;

  export function Pressable(
    props: Omit<ViewProps, "style"> & {
      onPress: () => void;
      disabled?: boolean;
      style?: Style | ((state: { pressed: boolean }) => Style);
    },
  ): ReactElement;

  export function ActivityIndicator(
    props: ViewProps & { color?: string; size?: "small" | "large" },
  ): ReactElement;

  export const StyleSheet: {
    create<Styles extends Record<string, Record<string, unknown>>>(styles: Styles): Styles;
  };

  export const AppRegistry: {
    registerComponent(name: string, component: () => ComponentType): void;
    runApplication(name: string, options: { rootTag: Element | null }): void;
  };
}
