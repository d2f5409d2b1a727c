// The gateway on Azure Container Apps, with Azure OpenAI by managed identity. Written from Microsoft's reference and
// not run: there was no subscription to run it in. Try it beside what you have.
//
//   az deployment group create -g my-group -f deploy/azure/container-apps.bicep \
//     -p image=myregistry.azurecr.io/voice-gateway:0.1 registry=myregistry openAiAccount=my-openai \
//        deployment=my-realtime-deployment publicUrl=https://voice.example.net \
//        twilioAccountSid=AC… twilioAuthToken=… tokenSecret="$(openssl rand -hex 32)"

param name string = 'voice-gateway'
param location string = resourceGroup().location

@description('The image, such as myregistry.azurecr.io/voice-gateway:0.1')
param image string

@description('The container registry that holds it, in this resource group.')
param registry string

@description('The Azure OpenAI resource, in this resource group.')
param openAiAccount string

@description('The name of its deployment of a realtime model.')
param deployment string

@description('What Twilio calls, such as https://voice.example.net: this app\'s own address or a domain bound to it.')
param publicUrl string

param twilioAccountSid string

@secure()
param twilioAuthToken string

@description('Signs the one-time tokens of media streams; the same for all replicas.')
@secure()
param tokenSecret string

// What Container Apps is known to grant at most, and the drain within it. Calls that last longer are cut by a new
// revision: where yours do, deploy revisions side by side (activeRevisionsMode Multiple) and move the traffic.
var graceSeconds = 600
var drainSeconds = 570

module identity 'identity.bicep' = {
  name: '${name}-identity'
  params: {
    name: name
    openAiAccount: openAiAccount
    location: location
  }
}

// AcrPull: may fetch images.
var acrPull = '7f951dda-4ed3-4680-a7ca-43fe172d538d'

resource images 'Microsoft.ContainerRegistry/registries@2023-07-01' existing = {
  name: registry
}

resource mayPull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(images.id, name, acrPull)
  scope: images
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', acrPull)
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
  }
}

resource logs 'Microsoft.OperationalInsights/workspaces@2022-10-01' = {
  name: name
  location: location
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: 30
  }
}

resource environment 'Microsoft.App/managedEnvironments@2024-03-01' = {
  name: name
  location: location
  properties: {
    appLogsConfiguration: {
      destination: 'log-analytics'
      logAnalyticsConfiguration: {
        customerId: logs.properties.customerId
        sharedKey: logs.listKeys().primarySharedKey
      }
    }
  }
}

resource app 'Microsoft.App/containerApps@2024-03-01' = {
  name: name
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.outputs.id}': {}
    }
  }
  dependsOn: [
    mayPull
  ]
  properties: {
    managedEnvironmentId: environment.id
    configuration: {
      activeRevisionsMode: 'Single'
      // WebSockets need nothing more than HTTP ingress here; a long call is one long request.
      ingress: {
        external: true
        targetPort: 8000
        transport: 'http'
        allowInsecure: false
      }
      registries: [
        {
          server: images.properties.loginServer
          identity: identity.outputs.id
        }
      ]
      secrets: [
        {
          name: 'twilio-auth-token'
          value: twilioAuthToken
        }
        {
          name: 'token-secret'
          value: tokenSecret
        }
      ]
    }
    template: {
      terminationGracePeriodSeconds: graceSeconds
      containers: [
        {
          name: 'gateway'
          image: image
          resources: {
            cpu: json('1.0')
            memory: '2Gi'
          }
          env: [
            { name: 'GATEWAY_PUBLIC_URL', value: publicUrl }
            { name: 'GATEWAY_DRAIN_S', value: string(drainSeconds) }
            { name: 'GATEWAY_TOKEN_SECRET', secretRef: 'token-secret' }
            { name: 'TWILIO_ACCOUNT_SID', value: twilioAccountSid }
            { name: 'TWILIO_AUTH_TOKEN', secretRef: 'twilio-auth-token' }
            { name: 'AZURE_OPENAI_ENDPOINT', value: identity.outputs.endpoint }
            { name: 'AZURE_OPENAI_REALTIME_DEPLOYMENT', value: deployment }
            // No key: Entra ID, and this says which identity.
            { name: 'AZURE_CLIENT_ID', value: identity.outputs.clientId }
          ]
          probes: [
            {
              type: 'Startup'
              httpGet: { path: '/healthz', port: 8000 }
              periodSeconds: 1
              failureThreshold: 60
            }
            {
              // 503 while it drains.
              type: 'Readiness'
              httpGet: { path: '/readyz', port: 8000 }
              periodSeconds: 3
              failureThreshold: 1
            }
            {
              type: 'Liveness'
              httpGet: { path: '/healthz', port: 8000 }
              periodSeconds: 10
              failureThreshold: 6
            }
          ]
        }
      ]
      scale: {
        minReplicas: 2
        maxReplicas: 10
        // A media stream is a request for as long as its call lasts.
        rules: [
          {
            name: 'calls'
            http: {
              metadata: {
                concurrentRequests: '50'
              }
            }
          }
        ]
      }
    }
  }
}

output address string = 'https://${app.properties.configuration.ingress.fqdn}'
output voiceWebhook string = '${publicUrl}/twilio/voice'
